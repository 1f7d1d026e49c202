import Foundation
import TestSupport
import Testing

@Suite(.ownThreads) struct LayerTests {
    @Test("a target's sources import only what its layer may", arguments: Layer.all)
    func imports(layer: Layer) throws {
        let allowed = layer.own.union(layer.foreign).union(Layer.system)
            .union(Layer.foundationAllowed.contains(layer.target) ? ["Foundation"] : [])
        for source in try Repository.sources("Sources/" + layer.folder) {
            for (number, line) in source.lines.enumerated() {
                guard let module = Repository.importedModule(line), !allowed.contains(module) else { continue }
                Issue.record("\(source.path):\(number + 1): \(layer.target) may not import \(module)")
            }
        }
    }

    @Test("the manifest declares the targets of the table, and no dependency beyond it")
    func manifest() throws {
        let manifest = try Repository.manifest()
        let layers = Dictionary(uniqueKeysWithValues: Layer.all.map { ($0.target, $0) })
        var seen: Set<String> = []
        for case let target as [String: Any] in manifest["targets"] as? [Any] ?? [] {
            guard let name = target["name"] as? String, let type = target["type"] as? String else { continue }
            guard type == "regular" || type == "executable", !name.hasPrefix("C") || layers[name] != nil else {
                continue
            }
            // What tests and benchmarks share is not part of the product.
            if let path = target["path"] as? String, !path.hasPrefix("Sources") { continue }
            guard let layer = layers[name] else {
                Issue.record("the target \(name) is not in the table")
                continue
            }
            seen.insert(name)
            let dependencies = Self.dependencies(of: target)
            let beyond = dependencies.subtracting(layer.own.union(layer.foreign))
            #expect(beyond.isEmpty, "\(name) depends on \(beyond.sorted())")
        }
        #expect(seen == Set(layers.keys))
    }

    @Test("the programs' layers are acyclic and each is reached")
    func acyclic() {
        let layers = Dictionary(uniqueKeysWithValues: Layer.all.map { ($0.target, $0.own) })
        var finished: Set<String> = []
        func visit(_ name: String, _ path: [String]) {
            guard !path.contains(name) else {
                Issue.record("a circle: \((path + [name]).joined(separator: " → "))")
                return
            }
            guard finished.insert(name).inserted else { return }
            for next in layers[name] ?? [] { visit(next, path + [name]) }
        }
        for program in ["telepresence", "traffic", "sandbox"] { visit(program, []) }
        #expect(Set(layers.keys).subtracting(finished).isEmpty)
    }

    private static func dependencies(of target: [String: Any]) -> Set<String> {
        var names: Set<String> = []
        for case let dependency as [String: Any] in target["dependencies"] as? [Any] ?? [] {
            for case let value as [Any] in dependency.values {
                if let name = value.first as? String { names.insert(name) }
            }
        }
        return names
    }
}
