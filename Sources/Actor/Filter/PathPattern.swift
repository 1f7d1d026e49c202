import CPCRE2

/// A regular expression that paths are held against (PCRE2's syntax), bounded in what it may cost.
///
/// It finds its match anywhere in the path unless it says otherwise with `^` and `$`. Bytes are compared, not characters. A
/// path whose matching takes more than ``stepLimit`` steps does not match: no pattern can hold the agent up.
///
/// The compiled pattern is never changed after `init`; what a match writes to belongs to that match. So it may be used from
/// anywhere.
@safe final class PathPattern: Sendable {
    /// What one match may take, a few milliseconds at the very most.
    static let stepLimit: UInt32 = 50_000
    /// KiB that one match may have for going back.
    private static let heapLimit: UInt32 = 1024
    static let maximumLength = 1024

    // Constant, and PCRE2 allows the use of one compiled pattern by several threads.
    nonisolated(unsafe) private let code: OpaquePointer
    // As above.
    nonisolated(unsafe) private let limits: OpaquePointer

    /// - Throws: what is wrong with the pattern, and where.
    init(_ pattern: String) throws(FilterProblem) {
        guard !pattern.isEmpty, pattern.utf8.count <= Self.maximumLength else {
            throw FilterProblem(
                "a regular expression must have 1 to \(Self.maximumLength) bytes, this has \(pattern.utf8.count)"
            )
        }
        let plain = unsafe try Self.compile(pattern, of: pattern)
        var options: UInt32 = 0
        unsafe pcre2_pattern_info_8(plain, UInt32(PCRE2_INFO_ALLOPTIONS), &options)
        if options & UInt32(PCRE2_ANCHORED) != 0 {
            unsafe code = plain
        } else {
            unsafe pcre2_code_free_8(plain)
            // PCRE2 counts the steps anew at each place where a match may begin; this makes it one match from the start.
            unsafe code = try Self.compile("\\A(?s:.*?)(?:\(pattern))", of: pattern)
        }
        guard let limits = unsafe pcre2_match_context_create_8(nil) else {
            unsafe pcre2_code_free_8(code)
            throw FilterProblem("there is no memory for a regular expression")
        }
        unsafe pcre2_set_match_limit_8(limits, Self.stepLimit)
        unsafe pcre2_set_heap_limit_8(limits, Self.heapLimit)
        unsafe self.limits = limits
    }

    deinit {
        unsafe pcre2_match_context_free_8(limits)
        unsafe pcre2_code_free_8(code)
    }

    func matches(_ path: UnsafeRawBufferPointer) -> Bool {
        guard let data = unsafe pcre2_match_data_create_8(1, nil) else { return false }
        defer { unsafe pcre2_match_data_free_8(data) }
        guard let start = unsafe path.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            // An empty buffer has no address, which PCRE2 does not take.
            let none: [UInt8] = [0]
            return unsafe pcre2_match_8(code, none, 0, 0, 0, data, limits) >= 0
        }
        return unsafe pcre2_match_8(code, start, path.count, 0, 0, data, limits) >= 0
    }

    private static func compile(_ text: String, of pattern: String) throws(FilterProblem) -> OpaquePointer {
        var number: Int32 = 0
        var offset = 0
        let bytes = Array(text.utf8)
        // Invalid UTF-8 is no error in a path, and what looks at single bytes of characters is of no use here.
        let options = UInt32(PCRE2_NEVER_UTF) | UInt32(PCRE2_NEVER_UCP) | UInt32(PCRE2_NEVER_BACKSLASH_C)
        if let code = unsafe pcre2_compile_8(bytes, bytes.count, options, &number, &offset, nil) {
            return unsafe code
        }
        var reason = [UInt8](repeating: 0, count: 256)
        let length = unsafe pcre2_get_error_message_8(number, &reason, reason.count)
        let why = String(decoding: reason.prefix(max(0, Int(length))), as: UTF8.self)
        guard text == pattern else {
            throw FilterProblem("the regular expression \"\(pattern)\" cannot be used: \(why)")
        }
        throw FilterProblem("the regular expression \"\(pattern)\" is wrong at position \(offset + 1): \(why)")
    }
}
