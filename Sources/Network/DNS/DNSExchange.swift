/// A way to a DNS server.
///
/// Confined to one event loop.
package protocol DNSExchange: AnyObject {
    /// Sends a query and hands its response to `reply`, once; nil when there will be none.
    ///
    /// The response carries the query's id. The resolver gives up by itself after its timeout.
    func exchange(_ query: [UInt8], reply: @escaping ([UInt8]?) -> Void)
}
