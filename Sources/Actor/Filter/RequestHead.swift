/// What a filter asks of a request.
///
/// Implemented by what reads requests, so that nothing is copied for the asking.
package protocol RequestHead {
    /// The path without the query, as it was sent; valid during the call that it is handed to.
    var path: UnsafeRawBufferPointer { get }

    /// Whether there is a header of this name with this value, among several of the name too.
    ///
    /// `name` is in lower case, and a request's name of any case is the same; `value` is the whole value, without white
    /// space around it.
    func contains(name: [UInt8], value: [UInt8]) -> Bool
}
