import Testing

@testable import Actor

@Suite struct LoosePodsTests {
    private func picture(_ places: [String: PodFacts.Place]) -> PodPicture {
        PodPicture(pods: places.map { PodFacts(name: $0.key, ready: true, hasAgent: false, place: $0.value) })
    }

    @Test("a pod is loose from the try to release it until it is retired, whatever old pictures show")
    func retired() {
        var loose = LoosePods()
        loose.begin(.release("a"))
        loose.see(picture(["a": .member, "b": .released]))
        #expect(loose.names == ["a", "b"])
        loose.begin(.retire("a"))
        #expect(loose.names == ["a", "b"])
        loose.end(.retire("a"))
        loose.see(picture(["a": .released, "b": .released]))
        #expect(loose.names == ["b"])
        loose.see(picture(["a": .retired, "b": .retired]))
        #expect(loose.names == [])
    }

    @Test("what was tried to give back once is not tried again, and what is not there any more is left alone")
    func restored() {
        var loose = LoosePods()
        loose.see(picture(["a": .released, "b": .released]))
        loose.begin(.restore("a"))
        loose.see(picture(["a": .released]))
        #expect(loose.names == ["b"])
        loose.see(
            PodPicture(pods: [PodFacts(name: "b", ready: true, terminating: true, hasAgent: false, place: .released)])
        )
        #expect(loose.names == [])
    }
}
