import Glibc
import Testing

@testable import Kernel

@Suite("The limit of descriptors")
struct DescriptorLimitTests {
    @Test("It is raised as far as the system allows")
    func raised() {
        DescriptorLimit.prepare()
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(limit.rlim_cur == limit.rlim_max)
        #expect(DescriptorLimit.value == Int(clamping: limit.rlim_cur))
    }

    @Test("The last descriptors are near it, all others are not")
    func near() {
        let first = Int32(clamping: DescriptorLimit.value - DescriptorLimit.reserve)
        #expect(!DescriptorLimit.isNear(0))
        #expect(!DescriptorLimit.isNear(first - 1))
        #expect(DescriptorLimit.isNear(first))
    }
}
