/// Hands out port numbers that nothing in the pod is known to use.
struct PortAllocator {
    private var used: Set<Int>

    init(containers: [AppContainer], targets: [TargetPort]) {
        used = Set(containers.flatMap { $0.ports.map(\.number) } + targets.map(\.number))
    }

    /// The first free number from `start` on, which is then used; nil when there is none.
    mutating func next(from start: Int) -> Int? {
        guard 1...65535 ~= start, let port = (start...65535).first(where: { !used.contains($0) }) else { return nil }
        used.insert(port)
        return port
    }
}
