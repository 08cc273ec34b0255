internal import ArgusCommands
internal import Glibc

/// `argusfs`: the command line and the driver are a library (ArgusCommands); this file alone reads the environment.

var environment: [String: String] = [:]
var variable = environ
while let line = variable.pointee {
    let parts = String(cString: line).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
    variable += 1
}
let invocation = Invocation(
    arguments: CommandLine.arguments, environment: environment, effectiveUID: geteuid())
exit(Program.run(invocation).rawValue)
