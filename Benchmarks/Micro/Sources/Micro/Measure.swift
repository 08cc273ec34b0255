import CArgusAllocations
import Glibc

/// What one step took, on the calling thread: CPU time, and calls of malloc(3).
struct Cost {
    var nanoseconds: Double
    var allocations: Double
}

/// Runs `body` `count` times after it has run `warmUp` times.
func cost(of count: Int, warmUp: Int = 100, _ body: (Int) throws -> Void) rethrows -> Cost {
    for number in 0..<warmUp { try body(number) }
    let (time, allocations) = (threadNanoseconds(), argus_allocations_of_thread())
    for number in 0..<count { try body(warmUp + number) }
    return Cost(
        nanoseconds: (threadNanoseconds() - time) / Double(count),
        allocations: Double(argus_allocations_of_thread() - allocations) / Double(count))
}

func threadNanoseconds() -> Double { nanoseconds(CLOCK_THREAD_CPUTIME_ID) }

func nanoseconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Prints costs, and knows which limits were passed.
struct Report {
    private(set) var isExceeded = false

    mutating func add(_ name: String, _ cost: Cost, allocationsMax: Double? = nil) {
        var line = pad(name, 58) + pad(left: "\(Int(cost.nanoseconds)) ns", 12)
        line += pad(left: "\((cost.allocations * 100).rounded() / 100) allocations", 20)
        if let allocationsMax {
            let isTooMuch = cost.allocations > allocationsMax
            line += "  at most \(allocationsMax)" + (isTooMuch ? ": EXCEEDED" : "")
            if isTooMuch { isExceeded = true }
        }
        print(line)
    }

    func note(_ name: String, _ value: String) { print(pad(name, 58) + pad(left: value, 12)) }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func pad(left text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
