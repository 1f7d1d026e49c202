/// The version of everything that is built from this package.
package enum ProductVersion {
    package static let text = "0.1.0"
}
