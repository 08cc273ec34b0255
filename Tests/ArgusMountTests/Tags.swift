import ArgusMountKit
import Testing

extension Tag {
    /// Needs /dev/fuse.
    @Tag static var fuse: Tag
}
