/// From when and for how long a certificate is to be valid.
package struct CertificateValidity: Sendable, Equatable {
    /// The beginning, in seconds from now; a little in the past, for clocks that differ.
    package let from: Int
    /// From the beginning to the end.
    package let seconds: Int

    /// Takes both in seconds.
    package init(from: Int = -300, seconds: Int) {
        self.from = from
        self.seconds = seconds
    }
}
