import NIOCore
import Testing
import Tunnel

@Suite("A copy of a connection") struct TapCopyTests {
    private final class Events {
        var lost = 0
        var over = 0
    }

    private func copy(limit: Int = 10, budget: TapBudget? = nil) -> (TapCopy, Events) {
        let events = Events()
        let copy = TapCopy(limit: limit, budget: budget) {
            events.lost += 1
        } onOver: {
            events.over += 1
        }
        return (copy, events)
    }

    private let five = ByteBuffer(string: "12345")

    @Test("keeps what its limit allows while its tunnel is opened, and is cut by the next byte, once")
    func cut() {
        let (copy, events) = copy()
        copy.write(five)
        copy.write(five)
        #expect(copy.heldBytes == 10 && events.lost == 0 && !copy.isOver)
        copy.write(ByteBuffer(string: "6"))
        #expect(copy.isOver && copy.heldBytes == 0)
        copy.write(five)
        copy.end()
        copy.cut()
        #expect(events.lost == 1 && events.over == 1)
    }

    @Test("is lost when its tunnel does not come about")
    func failed() {
        let (copy, events) = copy()
        copy.write(five)
        copy.end()
        #expect(copy.isEnding && !copy.isOver)
        copy.opened(.failure(.refused))
        #expect(copy.isOver && events.lost == 1 && events.over == 1)
    }

    @Test("is not counted as lost when nobody wants it any more")
    func abandoned() {
        let (copy, events) = copy()
        copy.write(five)
        copy.abandon()
        #expect(copy.isOver && events.lost == 0 && events.over == 1)
    }

    @Test("shares a budget with others, which those give back who are over")
    func budget() {
        let budget = TapBudget(12)
        let (one, first) = copy(budget: budget)
        let (two, second) = copy(budget: budget)
        one.write(five)
        two.write(five)
        #expect(!one.isOver && !two.isOver)
        two.write(five)
        #expect(two.isOver && second.lost == 1)
        one.write(five)
        #expect(!one.isOver && first.lost == 0)
        one.abandon()
        let (three, third) = copy(budget: budget)
        three.write(five)
        three.write(five)
        #expect(!three.isOver && third.lost == 0)
    }

    @Test("keeps a small piece of a big buffer without the buffer")
    func compact() {
        let (copy, _) = copy(limit: 1 << 20)
        var big = ByteBuffer(repeating: 1, count: 1 << 16)
        if let piece = big.readSlice(length: 16) { copy.write(piece) }
        #expect(copy.heldBytes == 16)
        #expect(!copy.isOver)
    }
}
