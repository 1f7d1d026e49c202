internal import Cluster

/// The way to a value inside the values: names and places in lists.
struct ValuePath: Hashable {
    enum Step: Hashable {
        case name(String)
        case index(Int)
    }

    var steps: [Step]

    init(_ steps: [Step] = []) { self.steps = steps }

    func appending(_ step: Step) -> ValuePath { ValuePath(steps + [step]) }
}

extension ValuePath: CustomStringConvertible {
    var description: String {
        steps.reduce(into: "") { text, step in
            switch step {
            case .name(let name): text += (text.isEmpty ? "" : ".") + name
            case .index(let index): text += "[\(index)]"
            }
        }
    }
}

extension JSONValue {
    /// Puts a value at a place, and makes the mappings and lists on the way to it.
    mutating func set(_ path: ArraySlice<ValuePath.Step>, to value: JSONValue) {
        switch path.first {
        case nil: self = value
        case .name(let name):
            var member = self[name] ?? .null
            member.set(path.dropFirst(), to: value)
            self[name] = member
        case .index(let index):
            var elements = array ?? []
            while elements.count <= index { elements.append(.null) }
            elements[index].set(path.dropFirst(), to: value)
            self = .array(elements)
        }
    }
}
