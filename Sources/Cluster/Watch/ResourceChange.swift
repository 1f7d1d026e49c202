/// What a ``ResourceWatch`` tells.
package enum ResourceChange: Sendable {
    /// All there is: what was known before and is not among these is gone.
    case all([JSONValue])
    /// An object is new or has changed.
    case updated(JSONValue)
    /// An object is gone; its last state.
    case deleted(JSONValue)
    /// The connection is in trouble; what is known may be out of date. It is tried again.
    case interrupted(APIError)
}
