/// The pods that are to be given back to their controller should a replacement fail.
///
/// Pure. It knows more than the latest picture, which may be from before the latest steps.
struct LoosePods {
    private var released: Set<String> = []
    /// Those that were retired or given back, though a picture may show them as released yet.
    private var settled: Set<String> = []

    /// Their names, in order.
    var names: [String] { released.sorted() }

    /// Takes what a picture shows.
    mutating func see(_ picture: PodPicture) {
        for pod in picture.pods where pod.place != .member {
            if pod.place == .released, !pod.terminating, !settled.contains(pod.name) {
                released.insert(pod.name)
            } else {
                released.remove(pod.name)
            }
        }
    }

    /// A step is about to be taken.
    mutating func begin(_ step: PodStep) {
        switch step {
        // It may be done although its answer is lost.
        case .release(let pod): released.insert(pod)
        case .restore(let pod): settle(pod)
        case .retire, .evict, .inject: break
        }
    }

    /// A step was taken.
    mutating func end(_ step: PodStep) {
        if case .retire(let pod) = step { settle(pod) }
    }

    private mutating func settle(_ pod: String) {
        released.remove(pod)
        settled.insert(pod)
    }
}
