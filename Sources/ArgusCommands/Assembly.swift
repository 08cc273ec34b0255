internal import ArgusCore
internal import ArgusCrypto
internal import ArgusFS
internal import ArgusFUSE
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// Mounted folders, put together: realm → folders → volumes → driver, with a control socket beside each folder.
///
/// What happens to a request: the kernel sends it to the `Driver`, which decodes it and calls the `Volume`. The volume
/// decides, by the folder's policy; keeps names in the `index`, content in capsules on the `store`; writes a record to the
/// `journal`; and answers. Commands of the same user reach the running folder through the `ControlServer`.
///
/// A mount is one folder, or has several as directories (`FolderSet`): each is a `ServedFolder` of its own, and they share
/// nothing but the driver.
enum Assembly {
    /// How long a mount waits for the driver that had the folder before to end.
    private static let predecessorWaitMilliseconds = 10_000
    static var predecessorWaitNanoseconds: UInt64 { UInt64(predecessorWaitMilliseconds) * 1_000_000 }

    /// Serves until it is unmounted; `whenServing` is called once the mount is ready, with a line for each folder of the
    /// plan that is not on it.
    static func serve(
        _ plan: MountPlan, of realm: Realm, whenServing: ([String]) throws(CommandError) -> Void
    ) throws(CommandError) {
        let signals = ProcessSignals.takeOver()
        do throws(CryptoError) {
            try Crypto.selfCheck()
        } catch {
            throw CommandError("libcrypto", "gives wrong results for known inputs; install the system's libssl3 again")
        }
        let (served, leftOut) = try open(plan, of: realm)
        let state = DriverState(plan: plan)
        var failure: CommandError?
        do throws(CommandError) {
            for folder in served { try folder.startControl(state, beside: served.map(\.volume)) }
            let driver = try mount(served, plan)
            signals.onTermination { driver.unmount() }
            state.enter(.serving)
            do throws(CommandError) {
                try whenServing(leftOut)
            } catch {
                failure = error
                driver.unmount()
            }
            driver.run()
        } catch {
            failure = error
        }

        state.enter(.closing)
        var closingFailure: CommandError?
        for folder in served { folder.endChecks() }
        for folder in served {
            let failure = folder.close()
            closingFailure = closingFailure ?? failure
        }
        state.close(closingFailure.map { served.count > 1 ? $0.description : $0.message })
        for folder in served { folder.stopControl() }
        if let error = failure ?? closingFailure { throw error }
    }

    /// Opens the plan's folders. Of several, one that cannot be opened keeps none of the others from being served.
    private static func open(
        _ plan: MountPlan, of realm: Realm
    ) throws(CommandError) -> (served: [ServedFolder], leftOut: [String]) {
        let names: [String]
        switch plan.content {
        case .folder(let name):
            return (
                [try ServedFolder(name, plan, of: realm, waitMilliseconds: predecessorWaitMilliseconds)], []
            )
        case .folders(let all): names = all
        }
        var served: [ServedFolder] = []
        var leftOut: [String] = []
        for name in names {
            do throws(CommandError) {
                served.append(try ServedFolder(name, plan, of: realm, waitMilliseconds: predecessorWaitMilliseconds))
            } catch {
                leftOut.append(error.description)
            }
        }
        guard !served.isEmpty else {
            throw CommandError(
                plan.mountPoint, "none of the folders can be mounted (\(leftOut.joined(separator: "; ")))")
        }
        return (served, leftOut)
    }

    private static func mount(_ served: [ServedFolder], _ plan: MountPlan) throws(CommandError) -> Driver {
        do throws(MountError) {
            guard case .folders = plan.content else {
                return try Driver(volume: served[0].volume, options: MountOptions(plan))
            }
            let folders = FolderSet(
                served.compactMap(\.member), owner: (geteuid(), getegid()), mounted: SystemClock().now(),
                attributes: [ControlAttribute.name: served[0].controlAttribute])
            return try Driver(folders: folders, options: MountOptions(plan))
        } catch {
            throw CommandError(plan.mountPoint, error.message)
        }
    }
}

extension VolumeConfiguration {
    init(_ options: MountOptionList) {
        self.init(sharing: options.allowsOthers ? .shared : .personal(supplementaryGroups: supplementaryGroups()))
        isReadOnly = options.isReadOnly
        accessTimes =
            switch options.accessTimes {
            case .relative: .relative
            case .strict: .strict
            case .none: .none
            }
        asksBeforeReads = options.allowsOthers && options.asksBeforeReads
        bootID = currentBootID()
        if let seconds = options.barrierIntervalSeconds { barrierIntervalSeconds = seconds }
    }
}

extension MountOptions {
    init(_ plan: MountPlan) {
        self.init(
            mountPoint: plan.mountPoint, source: plan.options.source ?? plan.source,
            allowOther: plan.options.allowsOthers, defaultPermissions: plan.options.allowsOthers,
            readOnly: plan.options.isReadOnly,
            asksBeforeReads: plan.options.allowsOthers && plan.options.asksBeforeReads,
            kernelOptions: plan.options.kernelOptions)
    }
}

/// The groups of this process beside its own (getgroups(2)).
private func supplementaryGroups() -> Set<UInt32> {
    var groups = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
    let count = getgroups(Int32(groups.count), &groups)
    return Set(groups.prefix(Int(max(0, count))))
}

/// The kernel's name for this boot of the machine: 16 bytes, or none where /proc does not tell.
private func currentBootID() -> [UInt8] {
    let text = smallFile("/proc/sys/kernel/random/boot_id", maxBytes: 64) ?? ""
    return Hex.decode(String(text.filter { $0.isHexDigit })) ?? []
}
