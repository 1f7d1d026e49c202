import Foundation

/// Writes results to standard output and everything else to standard error.
///
/// Progress is shown only for what takes longer than a moment: on a terminal as one line that is rewritten, elsewhere
/// as plain lines, and not at all with a structured output format.
package final class Terminal: Sendable {
    package enum ProgressStyle: Sendable { case rewriting, lines, none }

    private let style: ProgressStyle

    package init(style: ProgressStyle) {
        self.style = style
    }

    /// The style for a format on the present standard error.
    package convenience init(format: OutputFormat) {
        if format != .default {
            self.init(style: .none)
        } else {
            self.init(style: isatty(STDERR_FILENO) == 1 ? .rewriting : .lines)
        }
    }

    /// A result, on standard output.
    package func result(_ text: String) {
        Self.write(text.hasSuffix("\n") ? text : text + "\n", to: STDOUT_FILENO)
    }

    /// Standard output is a screen, on which lines can be replaced.
    package var isScreen: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Replaces what the screen shows.
    package func screen(_ lines: [String]) {
        // Each line is cleared to its end and the rest of the screen after them: no flicker.
        let text = lines.map { $0 + "\u{1B}[K\n" }.joined()
        Self.write("\u{1B}[H\(text)\u{1B}[J", to: STDOUT_FILENO)
    }

    /// A remark, on standard error.
    package func note(_ text: String) {
        clear()
        Self.write(text + "\n", to: STDERR_FILENO)
    }

    /// A step under way.
    package func progress(_ text: String) {
        switch style {
        case .rewriting: Self.write("\r\u{1B}[2K\u{1B}[2m\(text)…\u{1B}[0m", to: STDERR_FILENO)
        case .lines: Self.write("\(text)…\n", to: STDERR_FILENO)
        case .none: break
        }
    }

    /// Removes the line of a step under way.
    package func clear() {
        if style == .rewriting { Self.write("\r\u{1B}[2K", to: STDERR_FILENO) }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}
