internal import ArgusCore
internal import ArgusCrypto
internal import ArgusStore
internal import ArgusSystem
internal import Glibc

extension Capsule {
    /// A page may be replaced and used again while a reader is on its way to it; then it looks anew. After so many
    /// times it makes the writer wait.
    private static let lookCountMax = 16

    /// Fills `buffer` from `offset` on and returns the bytes read: fewer only at the end of the file. Holes are zeros.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(CapsuleError) -> Int {
        let size = size
        guard offset < size, !buffer.isEmpty else { return 0 }
        let total = Int(min(UInt64(buffer.count), size - offset))
        try Scratch.with { scratch throws(CapsuleError) in
            var done = 0
            while done < total {
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<total])
                done += try readSome(into: target, at: offset + UInt64(done), scratch)
            }
        }
        return total
    }

    /// Reads what lies under one node, at least one byte.
    private func readSome(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64, _ scratch: Scratch
    ) throws(CapsuleError) -> Int {
        for _ in 1..<Self.lookCountMax {
            var version: UInt64 = 0
            do throws(CapsuleError) {
                return try readOnce(into: target, at: offset, scratch, version: &version)
            } catch .unauthentic(let finding) {
                if state.withLock({ tree.version == version }) { throw .unauthentic(finding) }
            }
        }
        return try writer.withLock { () throws(CapsuleError) in
            var version: UInt64 = 0
            return try readOnce(into: target, at: offset, scratch, version: &version)
        }
    }

    func readOnce(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64, _ scratch: Scratch, version: inout UInt64
    ) throws(CapsuleError) -> Int {
        let page = CapsuleFormat.pageByteCount
        let index = offset >> CapsuleFormat.pageShift
        let start = Int(offset & UInt64(page - 1))
        let wanted = min((start + target.count + page - 1) / page, CapsuleFormat.nodeEntryCount)
        switch try look(at: index, limit: wanted, into: scratch.entries, version: &version) {
        case .inline(let bytes):
            let count = min(target.count, page - start)
            let present = max(0, min(count, bytes.count - start))
            bytes.withUnsafeBytes { bytes in
                if present > 0 { memcpy(target.baseAddress!, bytes.baseAddress! + start, present) }
            }
            memset(target.baseAddress! + present, 0, count - present)
            return count
        case .hole(let pages):
            let pages = Int(min(pages, UInt64(wanted)))
            let count = min(target.count, pages * page - start)
            memset(target.baseAddress!, 0, count)
            return count
        case .entries(let pages):
            return try cipher.withContext { context throws(CapsuleError) in
                try read(entries: pages, from: index, into: target, startingAt: start, scratch, context)
            }
        }
    }

    /// Reads the pages that `scratch.entries` refers to; runs that lie together with one call and without a copy.
    private func read(
        entries count: Int, from first: UInt64, into target: UnsafeMutableRawBufferPointer, startingAt start: Int,
        _ scratch: Scratch, _ context: AESGCM
    ) throws(CapsuleError) -> Int {
        let pageCount = CapsuleFormat.pageByteCount
        prefetchRuns(of: count, scratch)
        var place = 0
        var done = 0
        while place < count && done < target.count {
            let skipped = place == 0 ? start : 0
            let step = min(target.count - done, pageCount - skipped)
            let destination = target.baseAddress! + done
            let entry = scratch.entries[place]
            if entry.isHole {
                memset(destination, 0, step)
            } else if step < pageCount {
                try open(scratch.entries + place, 1, from: first + UInt64(place), into: scratch.pages, context)
                memcpy(destination, scratch.pages + skipped, step)
            } else {
                var run = 1
                while place + run < count, (run + 1) * pageCount <= target.count - done,
                    !scratch.entries[place + run].isHole,
                    scratch.entries[place + run].page == entry.page + UInt64(run)
                { run += 1 }
                try open(scratch.entries + place, run, from: first + UInt64(place), into: destination, context)
                place += run
                done += run * pageCount
                continue
            }
            place += 1
            done += step
        }
        return done
    }

    /// Where pages lie apart, storage is told of all of them before the first is waited for.
    private func prefetchRuns(of count: Int, _ scratch: Scratch) {
        var start = 0
        for place in 1..<max(count, 1) + 1 {
            let (last, next) = (scratch.entries[place - 1], place < count ? scratch.entries[place] : .hole)
            guard next.isHole || last.isHole || next.page != last.page + 1 else { continue }
            if start == 0, place >= count { return }
            if !last.isHole {
                let first = scratch.entries[start].page
                object.prefetch(first << CapsuleFormat.pageShift..<(last.page + 1) << CapsuleFormat.pageShift)
            }
            start = place
        }
    }

    /// Reads and opens `count` data pages that lie together in the object.
    private func open(
        _ entries: UnsafePointer<MapEntry>, _ count: Int, from index: UInt64, into target: UnsafeMutableRawPointer,
        _ context: AESGCM
    ) throws(CapsuleError) {
        let page = entries[0].page
        let buffer = UnsafeMutableRawBufferPointer(start: target, count: count * CapsuleFormat.pageByteCount)
        let got = try stored { () throws(StoreError) in
            try object.read(into: buffer, at: page << CapsuleFormat.pageShift)
        }
        for place in 0..<count {
            let position = index + UInt64(place)
            guard got >= (place + 1) * CapsuleFormat.pageByteCount,
                try cipher.open(
                    target + place * CapsuleFormat.pageByteCount, entry: entries[place], as: .data,
                    position: position, with: context)
            else {
                wipe(buffer)
                throw .unauthentic(
                    .dataPage(page: entries[place].page, offset: position << CapsuleFormat.pageShift))
            }
        }
    }

    // MARK: Holes

    /// Whether a page reads as zeros because nothing is stored for it.
    package func isHole(page index: UInt64) throws(CapsuleError) -> Bool {
        try Scratch.with { scratch throws(CapsuleError) in
            var version: UInt64 = 0
            switch try look(at: index, limit: 1, into: scratch.entries, version: &version) {
            case .inline: return false
            case .hole: return true
            case .entries: return scratch.entries[0].isHole
            }
        }
    }

    /// The first page from `index` on that is stored; nil: there is none before the end of the file.
    package func nextData(fromPage index: UInt64) throws(CapsuleError) -> UInt64? {
        try next(from: index, isHole: false)
    }

    /// The first page from `index` on that is a hole; the end of the file counts as one.
    package func nextHole(fromPage index: UInt64) throws(CapsuleError) -> UInt64 {
        try next(from: index, isHole: true) ?? max(index, CapsuleFormat.pages(size))
    }

    private func next(from start: UInt64, isHole: Bool) throws(CapsuleError) -> UInt64? {
        let end = CapsuleFormat.pages(size)
        var index = start
        return try Scratch.with { scratch throws(CapsuleError) in
            var version: UInt64 = 0
            while index < end {
                let limit = CapsuleFormat.nodeEntryCount
                switch try look(at: index, limit: limit, into: scratch.entries, version: &version) {
                case .inline:
                    if !isHole { return index }
                    index += 1
                case .hole(let count):
                    if isHole { return index }
                    index += min(count, end - index)
                case .entries(let count):
                    for place in 0..<count where scratch.entries[place].isHole == isHole {
                        let found = index + UInt64(place)
                        return found < end ? found : nil
                    }
                    index += UInt64(count)
                }
            }
            return nil
        }
    }
}
