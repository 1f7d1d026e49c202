package import Foundation
import Glibc

extension FileHandle {
    /// Everything up to the end of a pipe.
    ///
    /// Foundation's own reads give up, or trap, when a signal of another test interrupts them; these go on.
    package func drained() -> Data {
        var all = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(fileDescriptor, &buffer, buffer.count)
            if count > 0 {
                all.append(contentsOf: buffer[..<count])
            } else if count == 0 || errno != EINTR {
                return all
            }
        }
    }
}
