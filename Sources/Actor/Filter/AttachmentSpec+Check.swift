import Message

extension AttachmentSpec {
    /// More would be a burden on everybody who looks at a list.
    private static var maximumNotes: Int { 32 }
    private static var maximumNote: Int { 1024 }

    /// Refuses what no agent could follow, and what others could not read.
    ///
    /// Both the user daemon and the manager ask: the one to say so at once, the other because it trusts nobody.
    ///
    /// - Throws: what is wrong with the filter or the metadata.
    package func checkFilter() throws(FilterProblem) {
        let filter = TrafficFilter(self)
        guard filter.isGlobal || kind == .intercept else {
            throw FilterProblem("only an intercept takes a filter, not an attachment of the kind \(kind)")
        }
        guard filter.isGlobal || !ports.contains(where: { $0.protocol == .udp }) else {
            throw FilterProblem("a filter is about HTTP requests, of which there are none on a UDP port")
        }
        if pathMatch == .regex, Self.hasControls(path) {
            throw FilterProblem("the regular expression has control characters: write them as \\t, \\x01 and so on")
        }
        _ = try RequestMatcher(filter)
        guard metadata.count <= Self.maximumNotes else {
            throw FilterProblem("\(metadata.count) metadata are too many: at most \(Self.maximumNotes)")
        }
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            guard !name.isEmpty, name.utf8.count + value.utf8.count <= Self.maximumNote,
                !Self.hasControls(name), !Self.hasControls(value)
            else {
                throw FilterProblem(
                    "the metadata \(name.prefix(40).filter { !$0.isNewline }) have no name, control characters, or more than "
                        + "\(Self.maximumNote) bytes"
                )
            }
        }
    }

    /// Others' terminals would obey them.
    private static func hasControls(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }
    }
}
