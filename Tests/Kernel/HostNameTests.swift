import Kernel
import TestSupport
import Testing

@Suite(.ownThreads) struct HostNameTests {
    @Test("localhost is the loopback address")
    func localhost() {
        let addresses = HostName.addresses(of: "localhost")
        #expect(addresses.contains(.loopbackV4) || addresses.contains(.loopbackV6))
    }

    @Test("an address is its own")
    func address() {
        #expect(HostName.addresses(of: "192.0.2.7") == [InternetAddress("192.0.2.7")])
    }
}
