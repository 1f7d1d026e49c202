import Testing

@testable import Kernel

@Suite("Pages of the program")
struct ProgramPagesTests {
    @Test("The program's code is found, given back, and runs on")
    func release() {
        let size = ProgramPages.release()
        // This test's program has more code than that.
        #expect(size > 1 << 20)
        #expect((1...1000).reduce(0, +) == 500_500)
        #expect(ProgramPages.release() == size)
    }
}
