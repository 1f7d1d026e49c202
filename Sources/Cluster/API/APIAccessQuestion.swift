/// What somebody wants to do: the question of an access review.
package struct APIAccessQuestion: Sendable, Hashable {
    package var verb: String
    package var group: String
    package var resource: String
    package var subresource: String
    package var namespace: String
    package var name: String

    package init(
        verb: String,
        resource: APIResource,
        subresource: String = "",
        namespace: String = "",
        name: String = ""
    ) {
        self.verb = verb
        group = resource.group
        self.resource = resource.plural
        self.subresource = subresource
        self.namespace = namespace
        self.name = name
    }

    var json: JSONValue {
        var json: JSONValue = ["verb": .string(verb), "resource": .string(resource)]
        if !group.isEmpty { json["group"] = .string(group) }
        if !subresource.isEmpty { json["subresource"] = .string(subresource) }
        if !namespace.isEmpty { json["namespace"] = .string(namespace) }
        if !name.isEmpty { json["name"] = .string(name) }
        return json
    }
}
