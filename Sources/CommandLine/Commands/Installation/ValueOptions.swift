import ArgumentParser
import Foundation
import Installation

/// Where values come from: files first, then single ones, in the order of this list.
struct ValueOptions: ParsableArguments {
    @Option(
        name: [.customShort("f"), .customLong("values")],
        help: ArgumentHelp(
            "A file with values, YAML or JSON; - reads standard input. May be repeated.",
            valueName: "file"
        )
    )
    var files: [String] = []

    @Option(help: ArgumentHelp("A value in JSON: name.of.value=JSON. May be repeated.", valueName: "value"))
    var setJson: [String] = []

    @Option(
        help: ArgumentHelp("Values: name.of.value=VALUE, several with commas. May be repeated.", valueName: "value")
    )
    var set: [String] = []

    @Option(help: ArgumentHelp("The same, always taken as text. May be repeated.", valueName: "value"))
    var setString: [String] = []

    @Option(help: ArgumentHelp("A value from a file: name.of.value=FILE. May be repeated.", valueName: "value"))
    var setFile: [String] = []

    init() {}

    /// Puts what the options say over values.
    func apply(to values: inout InstallationValues) throws(InstallationError) {
        for file in files {
            let isInput = file == "-"
            let text = isInput ? Self.standardInput() : try Self.text(of: file)
            try values.merge(file: text, origin: isInput ? "standard input" : file)
        }
        for text in setJson { values.merge(try ValueAssignment.parse(text, .json)) }
        for text in set { values.merge(try ValueAssignment.parse(text, .typed)) }
        for text in setString { values.merge(try ValueAssignment.parse(text, .string)) }
        for text in setFile {
            guard let equals = text.firstIndex(of: "=") else {
                throw InstallationError(
                    .invalid,
                    "--set-file '\(text)': '=' is missing",
                    remedy: "--set-file name=FILE"
                )
            }
            let content = try Self.text(of: String(text[text.index(after: equals)...]))
            values.merge([try ValueAssignment.file(String(text[...equals]), text: content)])
        }
    }

    /// The defaults with what the options say.
    func values() throws(InstallationError) -> InstallationValues {
        var values = InstallationValues()
        try apply(to: &values)
        return values
    }

    private static func text(of file: String) throws(InstallationError) -> String {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw InstallationError(
                .invalid,
                "\(file) cannot be read: there is no such file, or its permissions forbid it"
            )
        }
        guard let text = String(bytes: data, encoding: .utf8) else {
            throw InstallationError(.invalid, "\(file) is not text in UTF-8")
        }
        return text
    }

    private static func standardInput() -> String {
        String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    }
}
