import ArgumentParser

/// How an agent comes into the pods of a workload.
enum AttachManner: String, ExpressibleByArgument {
    case ephemeral
}
