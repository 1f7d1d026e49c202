/// What is wrong with a kubeconfig: which file, which part of it, and what would be right.
package struct KubeconfigError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file, or the list of files, or where else the text came from.
    package let origin: String
    /// The line, from 1, where it is known.
    package let line: Int?
    /// The context, where one is concerned.
    package let context: String?
    /// The field, such as `users["dev"].client-certificate`.
    package let field: String?
    /// What is wrong.
    package let problem: String
    /// What to do about it.
    package let remedy: String?

    package init(
        origin: String,
        line: Int? = nil,
        context: String? = nil,
        field: String? = nil,
        problem: String,
        remedy: String? = nil
    ) {
        self.origin = origin
        self.line = line
        self.context = context
        self.field = field
        self.problem = problem
        self.remedy = remedy
    }

    package var description: String {
        var text = "kubeconfig \(origin)"
        if let line { text += ", line \(line)" }
        if let context { text += ", context \"\(context)\"" }
        if let field { text += ", \(field)" }
        text += ": \(problem)"
        if let remedy { text += "; \(remedy)" }
        return text
    }
}
