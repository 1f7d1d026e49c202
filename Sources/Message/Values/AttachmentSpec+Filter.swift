extension AttachmentSpec {
    /// It is for some of the requests only.
    package var hasFilter: Bool { !headers.isEmpty || pathMatch != .unknown }

    /// Which requests it is for, for people, as in "requests with x-user: ann and a path that begins with /api"; nil when it is
    /// for all of them.
    package var filterWords: String? {
        guard hasFilter else { return nil }
        var conditions = headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        switch pathMatch {
        case .unknown: break
        case .equal: conditions.append("the path \(path)")
        case .prefix: conditions.append("a path that begins with \(path)")
        case .regex: conditions.append("a path that matches \(path)")
        }
        return "requests with " + conditions.joined(separator: " and ")
    }
}
