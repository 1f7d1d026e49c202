/// Sub-commands that must run before the process has a second thread.
package enum HiddenProgram {
    /// Runs the hidden sub-command that the words after the program's name ask for.
    ///
    /// To be called first thing in `main`. Nil when they ask for none; else the exit status.
    package static func run(_ arguments: some Collection<String>) -> Int32? {
        switch arguments.first {
        case IsolationHolder.command: IsolationHolder.main()
        case Janitor.command: Janitor.main()
        case VolumePipe.command: VolumePipe.main()
        case VolumeGuard.command: VolumeGuard.main(Array(arguments.dropFirst()))
        case VolumeSync.command: VolumeSync.main(Array(arguments.dropFirst()))
        case NamespaceEntry.command: NamespaceEntry.main(Array(arguments.dropFirst()))
        default: nil
        }
    }
}
