/// Amounts as Kubernetes writes them: `100m`, `1.5Gi`, `2e3`.
enum Quantity {
    private static let units: [String: Double] = [
        "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
        "Ki": 1024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776, "Pi": 1_125_899_906_842_624,
    ]

    /// The amount in whole units; nil when the text is none.
    static func parse(_ text: String) -> Double? {
        if let plain = Double(text) { return plain }
        let digits = text.prefix { $0.isNumber || $0 == "." || $0 == "-" || $0 == "+" }
        guard let number = Double(digits), let unit = self.units[String(text.dropFirst(digits.count))] else {
            return nil
        }
        return number * unit
    }
}
