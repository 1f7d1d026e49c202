import Foundation

/// Why the program cannot be tried here.
enum ProgramObstacle {
    static let kubectl: String? = ["/usr/local/bin/kubectl", "/usr/bin/kubectl"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Nil when it can.
    static var text: String? { NodeFixture.obstacle ?? (kubectl == nil ? "there is no kubectl" : nil) }
}
