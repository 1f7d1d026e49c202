import ArgumentParser
import Sandbox

/// The one-machine cluster for demos, tests and benchmarks.
@main
struct Main {
    static func main() async {
        let words = CommandLine.arguments
        // Before anything else: these have one thread and stay so, or must start within milliseconds.
        if words.count == 3, words[1] == "pod-runtime", let parent = Int32(words[2]) {
            Exit.now(PodRuntime.main(parent: parent))
        }
        if words.count == 2, words[1] == "sample-echo" { Exit.now(SampleEcho.main()) }
        Signals.closeInheritedDescriptors()
        Signals.catchAll()
        await Root.main()
    }
}
