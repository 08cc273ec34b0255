internal import ArgusCore
internal import ArgusStore

/// What a store does with names.
extension BackingStoreConformance {
    static let nameChecks = [
        Check("a name is taken once") { store in
            try store.create(name()).write([1, 2, 3])
            try expect(.exists, "the second") { () throws(StoreError) in try store.create(name()) }
            try expect(try store.open(name(), writable: false).bytes(9) == [1, 2, 3], "the first was changed")
        },
        Check("an unknown name is missing") { store in
            try expect(.missing, "open for reading") { () throws(StoreError) in try store.open(name(), writable: false)
            }
            try expect(.missing, "open for writing") { () throws(StoreError) in try store.open(name(), writable: true) }
            try expect(.missing, "remove") { () throws(StoreError) in try store.remove(name()) }
            try expect(!(try store.exists(name())), "it exists")
            // The same with a neighbour: a store may keep them together.
            let neighbour = ObjectName(.init(high: name().identifier.high, low: 77))
            _ = try store.create(neighbour)
            try expect(.missing, "open") { () throws(StoreError) in try store.open(name(), writable: true) }
            try expect(.missing, "remove") { () throws(StoreError) in try store.remove(name()) }
            try expect(!(try store.exists(name())), "it exists beside its neighbour")
        },
        Check("an object opened for reading cannot be changed") { store in
            try store.create(name()).write([1, 2, 3])
            let object = try store.open(name(), writable: false)
            try expect(.readOnly, "write") { () throws(StoreError) in try object.write([9]) }
            try expect(.readOnly, "truncate") { () throws(StoreError) in try object.truncate(to: 0) }
            try expect(.readOnly, "punchHole") { () throws(StoreError) in try object.punchHole(0..<1) }
            try expect(try object.bytes(9) == [1, 2, 3], "it was changed")
        },
        Check("all handles of an object see the same bytes") { store in
            let first = try store.create(name())
            let second = try store.open(name(), writable: true)
            let reader = try store.open(name(), writable: false)
            try first.write([1, 2, 3])
            try second.write([4], at: 3)
            try expect(try reader.bytes(9) == [1, 2, 3, 4], "the reader sees something else")
            try second.truncate(to: 2)
            try expect(try first.size() == 2, "the first does not see the cut")
        },
        Check("removing takes the name; open objects stay readable and writable") { store in
            let object = try store.create(name())
            try object.write([1, 2, 3])
            let reader = try store.open(name(), writable: false)
            try store.remove(name())
            try expect(!(try store.exists(name())), "the name is still there")
            try expect(.missing, "open") { () throws(StoreError) in try store.open(name(), writable: false) }
            try expect(.missing, "a second remove") { () throws(StoreError) in try store.remove(name()) }
            try object.write([4, 5], at: 3)
            try object.sync()
            try expect(try reader.bytes(9) == [1, 2, 3, 4, 5], "the open object was lost")
            let next = try store.create(name())
            try expect(try next.size() == 0, "the new object of that name is not empty")
            try next.write([7])
            try expect(try reader.bytes(9) == [1, 2, 3, 4, 5], "the new object changed the old one")
        },
        Check("exists follows create and remove") { store in
            try expect(!(try store.exists(name())), "it exists before")
            _ = try store.create(name())
            try expect(try store.exists(name()), "it does not exist after create")
            try store.remove(name())
            try expect(!(try store.exists(name())), "it exists after remove")
        },
        Check("a listing calls with each object once, and with no stray") { store in
            try store.forEachObject({ _ in true }, stray: { _ in })
            let names = Set((1...600).map { name($0) })
            for name in names { _ = try store.create(name) }
            var seen: [ObjectName] = []
            var strays: [String] = []
            try store.forEachObject(
                {
                    seen.append($0)
                    return true
                }, stray: { strays.append($0) })
            try expect(seen.count == 600 && Set(seen) == names, "\(seen.count) of 600 objects were listed")
            try expect(strays.isEmpty, "strays: \(strays)")
        },
        Check("a listing ends when it is told to") { store in
            for number in 1...50 { _ = try store.create(name(UInt64(number))) }
            var calls = 0
            try store.forEachObject(
                { _ in
                    calls += 1
                    return calls < 7
                }, stray: { _ in })
            try expect(calls == 7, "\(calls) calls instead of 7")
        },
        Check("a listing may remove what it lists") { store in
            for number in 1...100 { _ = try store.create(name(UInt64(number))) }
            var failure: StoreError?
            try store.forEachObject(
                { object in
                    do throws(StoreError) { try store.remove(object) } catch { failure = error }
                    return true
                }, stray: { _ in })
            try expect(failure == nil, "removing failed: \(String(describing: failure))")
            var left = 0
            try store.forEachObject(
                { _ in
                    left += 1
                    return true
                }, stray: { _ in })
            try expect(left == 0, "\(left) objects are left")
        },
        Check("names differing in one digit are different objects") { store in
            for bit in 0..<64 {
                let high = ObjectName(.init(high: 1 << UInt64(bit), low: 0))
                let low = ObjectName(.init(high: 0, low: 1 << UInt64(bit)))
                try store.create(high).write([UInt8(bit), 1])
                try store.create(low).write([UInt8(bit), 2])
            }
            for bit in 0..<64 {
                let high = ObjectName(.init(high: 1 << UInt64(bit), low: 0))
                let low = ObjectName(.init(high: 0, low: 1 << UInt64(bit)))
                try expect(try store.open(high, writable: false).bytes(3) == [UInt8(bit), 1], "bit \(bit) above")
                try expect(try store.open(low, writable: false).bytes(3) == [UInt8(bit), 2], "bit \(bit) below")
            }
        },
    ]
}
