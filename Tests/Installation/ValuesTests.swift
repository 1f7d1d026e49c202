import Cluster
import Foundation
@testable import Installation
import TestSupport
import Testing

/// Values: where they come from, how they merge, and what is wrong with them.
@Suite(.ownThreads) struct ValuesTests {
    private static func parsed(
        _ text: String,
        _ form: ValueAssignment.Form = .typed,
        over file: String = ""
    ) throws -> JSONValue {
        var values = InstallationValues()
        try values.merge(file: file, origin: "test")
        values.merge(try ValueAssignment.parse(text, form))
        return values.given
    }

    @Test("the defaults satisfy the schema, and every value has one")
    func defaults() throws {
        _ = try InstallationValues().complete()
        func check(_ schema: JSONValue, _ value: JSONValue?, _ path: String) {
            #expect(schema["description"]?.string?.isEmpty == false, "\(path) is not described")
            for (name, property) in schema["properties"]?.object ?? [:] {
                let member = value?[name]
                #expect(member != nil, "\(path).\(name) has no default in values.yaml")
                if schema["properties"] != nil { check(property, member, "\(path).\(name)") }
            }
        }
        let text = try Data(contentsOf: Kustomize.root.appending(path: "k8s/values.schema.json"))
        check(try JSONValue.parse([UInt8](text)), try Manifests.defaults(), "")
    }

    @Test(
        "assignments are read as Helm reads them",
        arguments: [
            ("a=b", "{\"a\":\"b\"}"), ("a.b=1", "{\"a\":{\"b\":1}}"), ("a=true,b=null", "{\"a\":true,\"b\":null}"),
            ("a=007", "{\"a\":\"007\"}"), ("a=", "{\"a\":\"\"}"), ("a={x,1}", "{\"a\":[\"x\",1]}"),
            ("a={}", "{\"a\":[]}"), ("a[1].b=c", "{\"a\":[null,{\"b\":\"c\"}]}"), ("a=b=c", "{\"a\":\"b=c\"}"),
            ("a\\.b=c\\,d", "{\"a.b\":\"c,d\"}"), ("a.b=1,a.c=2", "{\"a\":{\"b\":1,\"c\":2}}"),
        ]
    )
    func assignments(text: String, expected: String) throws {
        #expect(try Self.parsed(text) == JSONValue.parse(expected))
    }

    @Test("--set-string takes everything as text, --set-json takes JSON")
    func forms() throws {
        #expect(try Self.parsed("a=1,b=true", .string) == ["a": "1", "b": "true"])
        #expect(try Self.parsed("a.b=[1,{\"c\":null}]", .json) == ["a": ["b": [1, ["c": .null]]]])
    }

    @Test(
        "what is no assignment is refused by name",
        arguments: ["a", "=b", "a..b=1", "a[x]=1", "a[-1]=1", "a[5000]=1", "a={x", "a[0=1", ""]
    )
    func malformed(text: String) throws {
        let error = #expect(throws: InstallationError.self) { try Self.parsed(text) }
        #expect(error?.message.contains("'\(text)'") == true)
        #expect(error?.kind == .invalid)
    }

    @Test("an element of a list is changed in place")
    func element() throws {
        #expect(try Self.parsed("a[1]=z", over: "a: [x, y]") == ["a": ["x", "z"]])
    }

    @Test("mappings merge, the rest is replaced, null goes back to the default")
    func merging() throws {
        var values = InstallationValues()
        try values.merge(file: "image: {tag: a, registry: r}\nnamespaces: [x]", origin: "1")
        try values.merge(file: "image: {tag: b}\nnamespaces: [y, z]", origin: "2")
        let complete = try values.complete()
        #expect(
            complete["image"] == [
                "registry": "r", "name": "telepresence/traffic", "tag": "b", "pullPolicy": "IfNotPresent",
                "pullSecrets": [],
            ]
        )
        #expect(complete["namespaces"] == ["y", "z"])
        values.merge(try ValueAssignment.parse("image.tag=null,namespaces=null", .typed))
        #expect(try values.complete().at("image", "tag") == "dev")
        #expect(try values.complete()["namespaces"] == [])
    }

    @Test(
        "a wrong value is named with what would be right",
        arguments: [
            ("logLevel=loud", ["logLevel", "'loud'", "debug"]), ("loglevel=info", ["loglevel", "'logLevel'"]),
            ("image.tagg=1", ["image.tagg", "'tag'"]), ("image.tag=1", ["image.tag", "1 is not text"]),
            ("agentInjector.enabled=maybe", ["agentInjector.enabled", "true or false"]),
            ("service.nodePort=70000", ["service.nodePort", "65535"]),
            ("namespaces={Shop}", ["namespaces[0]", "'Shop'", "default"]),
            ("namespaces={a,a}", ["namespaces", "twice"]), ("image=x", ["image", "a mapping"]),
            ("zzz=1", ["zzz", "there are", "logLevel"]),
            ("clientRbac.subjects[0].kind=Robot", ["clientRbac.subjects[0].kind", "Group"]),
        ]
    )
    func wrong(assignment: String, words: [String]) throws {
        var values = InstallationValues()
        values.merge(try ValueAssignment.parse(assignment, .typed))
        let error = #expect(throws: InstallationError.self) { try values.complete() }
        for word in words { #expect(error?.message.contains(word) == true, "\(error?.message ?? "")") }
    }

    @Test("all that is wrong is told at once")
    func several() throws {
        var values = InstallationValues()
        values.merge(try ValueAssignment.parse("logLevel=loud,image.tag=1,zzz=2", .typed))
        let error = #expect(throws: InstallationError.self) { try values.complete() }
        #expect(error?.message.split(separator: "\n").count == 4)
    }

    @Test(
        "a file that holds no values is refused by name",
        arguments: ["a: [", "- a", "text", "a: 1\n---\nb: 2", "a: 1\na: 2", "? {x: y}\n: z"]
    )
    func badFile(text: String) throws {
        var values = InstallationValues()
        let error = #expect(throws: InstallationError.self) { try values.merge(file: text, origin: "v.yaml") }
        #expect(error?.message.contains("v.yaml") == true)
    }

    @Test("a schema with a keyword that is not understood is refused")
    func schema() {
        #expect(throws: InstallationError.self) { try JSONSchema(["properties": ["a": ["oneOf": []]]]) }
        #expect(throws: InstallationError.self) { try JSONSchema(["pattern": "("]) }
    }

    @Test("what is kept in the cluster reads as it was")
    func record() throws {
        var record = InstallationRecord()
        record.revision = 3
        record.version = "1.2.3"
        try record.values.merge(file: "logLevel: debug", origin: "test")
        record.objects = [.init(kind: "Service", name: "s", namespace: "n"), .init(kind: "ClusterRole", name: "r")]
        record.madeNamespace = true
        #expect(InstallationRecord(secret: record.secret(namespace: "n").json) == record)
        #expect(InstallationRecord(secret: ["data": ["installation": "!"]]) == nil)
    }
}
