internal import CKernel

/// The pages of the program's own code and constants that are mapped.
///
/// The kernel maps code around each place that runs, 64 KiB at a time, and keeps it mapped: of a program that has started and
/// then does little, most of what is resident are the ways it went once. What is given back stays in the page cache, which
/// all instances on a machine share, and is mapped again without reading when it runs again.
package enum ProgramPages {
    /// Gives all of them back.
    ///
    /// - Returns: how many bytes the program has of them.
    @discardableResult
    package static func release() -> Int { ck_release_program() }
}
