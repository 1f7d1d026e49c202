import Testing

@testable import Cluster

@Suite struct SHA1Tests {
    @Test(
        "digests are those of FIPS 180 and RFC 6455",
        arguments: [
            ("abc", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
            ("", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "hJg+RBw70m66rkqh+VEp5eVGcPE="),
            ("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ]
    )
    func digest(text: String, expected: String) {
        #expect(Base64.encode(SHA1.digest(Array(text.utf8))) == expected)
        #expect(Base64.decode(expected) == SHA1.digest(Array(text.utf8)))
    }
}
