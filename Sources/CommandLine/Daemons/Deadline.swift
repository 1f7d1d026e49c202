/// Waits for something outside the process that gives no notice of itself.
enum Deadline {
    /// Asks every 10 ms until `condition` holds or the time is over.
    static func wait(seconds: Int, until condition: () async -> Bool) async -> Bool {
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        while ContinuousClock.now < end {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
