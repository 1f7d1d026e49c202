import ArgumentParser

/// The filter's options of commands that cannot have one: they are there only to say so.
struct NoFilterOptions: ParsableArguments {
    @Option(name: .customLong("http-header"), help: .hidden)
    var headers: [String] = []

    @Option(name: .customLong("http-path-equal"), help: .hidden)
    var pathEqual: String?

    @Option(name: .customLong("http-path-prefix"), help: .hidden)
    var pathPrefix: String?

    @Option(name: .customLong("http-path-regex"), help: .hidden)
    var pathRegex: String?

    init() {}

    func validate() throws {
        guard headers.isEmpty, pathEqual == nil, pathPrefix == nil, pathRegex == nil else {
            throw ValidationError(
                "only an intercept is for some requests and not for others: a wiretap copies all connections, a replacement "
                    + "takes the whole container, an ingest takes no requests. Use `telepresence intercept` with --http-header"
            )
        }
    }
}
