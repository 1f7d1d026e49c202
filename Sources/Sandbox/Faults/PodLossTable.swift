/// The node's rules that lose packets of pods; a pure function of which and how many.
enum PodLossTable {
    /// As one transaction of `nft -f`: the old table goes, and a new one comes if packets are to be lost.
    static func script(share: Double, addresses: [String]) -> String {
        let drop = "add table ip sandbox-faults\ndelete table ip sandbox-faults\n"
        guard share > 0, !addresses.isEmpty else { return drop }
        let set = "{ \(addresses.sorted().joined(separator: ", ")) }"
        let thousandths = Int((min(1, share) * 1000).rounded())
        let chance = thousandths >= 1000 ? "" : "numgen random mod 1000 < \(thousandths) "
        // A packet meets one of the two: the first as it comes from a pod, the second as it goes to one.
        return drop + """
            table ip sandbox-faults {
              chain from { type filter hook prerouting priority -310; ip saddr \(set) \(chance)drop; }
              chain to { type filter hook postrouting priority 310; ip daddr \(set) \(chance)drop; }
            }

            """
    }
}
