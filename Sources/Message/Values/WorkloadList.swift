/// Workloads, sorted by namespace and name.
package struct WorkloadList: WireMessage {
    /// The workloads.
    package var workloads: [Workload]

    package init(
        workloads: [Workload] = []
    ) {
        self.workloads = workloads
    }

    /// Every field at its default.
    package init() {
        self.init(workloads: [])
    }

    package static let table = MessageTable(
        "WorkloadList",
        [
            FieldRow(1, "workloads", .repeated(.message("Workload")))
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.message(1, workloads)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: workloads.append(try reader.message(field, repeated: true))
            default: break
            }
        }
    }
}
