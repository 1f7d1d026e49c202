import Testing

@testable import Sandbox

@Suite struct ImageTableTests {
    @Test(
        "an image is found by its name, whatever registry and tag the container writes",
        arguments: [
            ("sample/web", "sample/web:1.2"), ("sample/web", "docker.io/sample/web@sha256:abc"),
            ("nginx", "docker.io/library/nginx:1"), ("localhost:5000/a", "localhost:5000/a:dev"), ("a:1", "a:1"),
        ]
    )
    func found(name: String, asked: String) {
        var table = ImageTable()
        table.add(name, ImageTable.Image(entrypoint: ["/x"]))
        #expect(table.find(asked)?.entrypoint == ["/x"])
    }

    @Test("an image with a tag stands for that tag alone")
    func tagged() {
        var table = ImageTable()
        table.add("a:1", ImageTable.Image(entrypoint: ["/x"]))
        #expect(table.find("a:2") == nil)
        #expect(table.find("b") == nil)
    }

    @Test("NAME=PATH takes a file as program and a directory as place of programs, and nothing else")
    func argument() {
        var table = ImageTable()
        var added = table.add(argument: "tool=/bin/sh")
        #expect(added)
        #expect(table.find("tool:any")?.entrypoint == ["/bin/sh"])
        added = table.add(argument: "tools=/usr/bin")
        #expect(added)
        #expect(table.find("tools")?.entrypoint == [] && table.find("tools")?.directory == "/usr/bin")
        for bad in ["tool", "tool=", "tool=bin/sh", "tool=/no/such/file"] {
            added = table.add(argument: bad)
            #expect(!added)
        }
    }
}
