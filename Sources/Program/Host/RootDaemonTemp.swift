package enum RootDaemonProgram { package static func main(_ a: [String]) async -> Int32 { 1 } }
