import Cluster
@testable import Installation
import Testing

@Suite struct NamespaceClaimsTests {
    @Test(
        "a selector takes the labels that Kubernetes would take",
        arguments: [
            ("{}", true), ("{\"matchLabels\":{\"a\":\"1\"}}", true), ("{\"matchLabels\":{\"a\":\"2\"}}", false),
            ("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"1\",\"2\"]}]}", true),
            ("{\"matchExpressions\":[{\"key\":\"b\",\"operator\":\"In\",\"values\":[\"1\"]}]}", false),
            ("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"1\"]}]}", false),
            ("{\"matchExpressions\":[{\"key\":\"b\",\"operator\":\"NotIn\",\"values\":[\"1\"]}]}", true),
            ("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"}]}", true),
            ("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"DoesNotExist\"}]}", false),
        ]
    )
    func selector(text: String, expected: Bool) throws {
        #expect(NamespaceClaims.matches(try JSONValue.parse(text), ["a": "1"]) == expected)
    }
}
