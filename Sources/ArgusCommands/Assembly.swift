internal import ArgusCore
internal import ArgusCrypto
internal import ArgusFS
internal import ArgusFUSE
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// A mounted folder, put together: realm → folder → volume → driver, with a control socket beside it.
///
/// What happens to a request: the kernel sends it to the `Driver`, which decodes it and calls the `Volume`. The volume
/// decides, by the folder's policy; keeps names in the `index`, content in capsules on the `store`; writes a record to the
/// `journal`; and answers. Commands of the same user reach the running folder through the `ControlServer`.
enum Assembly {
    /// How long a mount waits for the driver that had the folder before to end.
    private static let predecessorWaitMilliseconds = 10_000
    static var predecessorWaitNanoseconds: UInt64 { UInt64(predecessorWaitMilliseconds) * 1_000_000 }

    /// Serves the folder until it is unmounted; `whenServing` is called once the mount is ready.
    static func serve(
        _ plan: MountPlan, of realm: Realm, whenServing: () throws(CommandError) -> Void
    ) throws(CommandError) {
        let signals = ProcessSignals.takeOver()
        do throws(CryptoError) {
            try Crypto.selfCheck()
        } catch {
            throw CommandError("libcrypto", "gives wrong results for known inputs; install the system's libssl3 again")
        }

        let folder = try realmResult(plan.folder) { () throws(RealmError) in
            try realm.openFolder(
                named: plan.folder, mode: plan.options.isReadOnly ? .mountReadOnly : .mount,
                waitMilliseconds: predecessorWaitMilliseconds, needsRoom: !plan.options.allowsFullStorage)
        }
        let state = DriverState(plan: plan, folder: folder.summary.id)
        let socketPath = realm.socketPath(of: folder.summary.id)
        var configuration = VolumeConfiguration(plan.options)
        configuration.mounter = Caller(uid: geteuid(), gid: getegid(), pid: UInt32(getpid()))
        configuration.driverAttributes[ControlAttribute.name] = Array(socketPath.utf8)

        let volume: Volume
        do throws(FileSystemError) {
            volume = try Volume(parts: folder.parts, configuration: configuration)
        } catch {
            try? realmResult(plan.folder) { () throws(RealmError) in try folder.close(isClean: false) }
            throw CommandError(plan.folder, "cannot be brought into use (\(error)); see `argusfs check`")
        }
        // Where the table cannot be had, copies between folders go untold; those within this one do not.
        if let neighbours = try? RunningFolders(folder.summary.id, of: realm, key: folder.copiesKey) {
            volume.setNeighbours(neighbours)
        }
        let service = ControlService(state: state, folder: folder, volume: volume)

        var control: ControlServer?
        var failure: CommandError?
        do throws(CommandError) {
            // A full disk or a name service that is down must not keep a folder shut: the rules decide in any case.
            if let reason = volume.adoptMembers(of: folder) { DriverLog.note(reason) }
            control = try ControlServer.started(at: socketPath, handler: service.handle)
            let driver = try mount(volume, plan)
            signals.onTermination { driver.unmount() }
            state.enter(.serving)
            do throws(CommandError) {
                try whenServing()
            } catch {
                failure = error
                driver.unmount()
            }
            driver.run()
        } catch {
            failure = error
        }

        state.enter(.closing)
        service.endChecks()
        let closingFailure = close(volume, folder, plan)
        state.close(closingFailure?.message)
        control?.stop()
        if let error = failure ?? closingFailure { throw error }
    }

    private static func mount(_ volume: Volume, _ plan: MountPlan) throws(CommandError) -> Driver {
        do throws(MountError) {
            return try Driver(volume: volume, options: MountOptions(plan))
        } catch {
            throw CommandError(plan.mountPoint, error.message)
        }
    }

    /// Everything becomes durable, then the folder is given up, in this order: who waits for the folder's lock finds it
    /// whole.
    private static func close(_ volume: Volume, _ folder: OpenFolder, _ plan: MountPlan) -> CommandError? {
        var failure: CommandError?
        do throws(FileSystemError) {
            try volume.shutDown()
        } catch {
            failure = CommandError(
                plan.folder,
                "not everything could be made durable (\(error)); free space or repair the storage, then mount it again"
            )
        }
        do throws(CommandError) {
            try realmResult(plan.folder) { () throws(RealmError) in try folder.close(isClean: failure == nil) }
        } catch {
            failure = failure ?? error
        }
        return failure
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
        bootID = currentBootID()
        if let seconds = options.barrierIntervalSeconds { barrierIntervalSeconds = seconds }
    }
}

extension MountOptions {
    init(_ plan: MountPlan) {
        self.init(
            mountPoint: plan.mountPoint, source: plan.options.source ?? plan.folder,
            allowOther: plan.options.allowsOthers, defaultPermissions: plan.options.allowsOthers,
            readOnly: plan.options.isReadOnly, kernelOptions: plan.options.kernelOptions)
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
