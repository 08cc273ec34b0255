import ArgusMountKit
import Testing

@Suite("Ordinary programs work in a mounted folder, and the next mount finds every byte", .tags(.fuse))
struct ProgramsTests {
    /// Runs `work` in a new folder; afterwards everything in it is the same for a new driver with cold caches.
    private func survives(_ work: (MountedFolder) throws -> Void) throws {
        let folder = try MountedFolder()
        try work(folder)
        let before = try folder.fingerprint()
        try folder.remount()
        let changes = try folder.fingerprint().split(separator: "\n").difference(from: before.split(separator: "\n"))
        #expect(changes.isEmpty, "\(changes.prefix(10))")
        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.status == 0, "\(check.output)\(check.error)")
    }

    @Test("git clones a repository, and fsck finds it whole")
    func git() throws {
        try survives { folder in
            try folder.shell(
                """
                git -c safe.directory='*' clone -q --no-local "$1" clone
                cd clone
                git -c user.name=n -c user.email=n@example.org commit -q --allow-empty -m more
                git gc -q
                git fsck --full --strict
                git status --porcelain > ../status
                """, Self.repository
            ).required()
            #expect(try folder.shell("cat status; git -C clone log --oneline | wc -l").required().output != "1\n")
        }
        // Elsewhere the same revision has the same files.
        let folder = try MountedFolder()
        try folder.shell(
            """
            git -c safe.directory='*' clone -q --no-local "$1" inside
            git -c safe.directory='*' clone -q --no-local "$1" "$HOME/outside"
            diff -r --no-dereference -x .git inside "$HOME/outside"
            """, Self.repository
        ).required()
    }

    /// The repository that this file is part of.
    private static let repository = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    @Test("make builds a C project, cleans and builds it again to the same bytes")
    func make() throws {
        try survives { folder in
            let result = try folder.shell(
                """
                for n in $(seq 1 24); do
                    printf '#include "all.h"\\nint part%d(int x) { return x * %d + PART; }\\n' $n $n > part$n.c
                done
                { echo '#define PART 7'; for n in $(seq 1 24); do echo "int part$n(int);"; done; } > all.h
                { echo '#include <stdio.h>'; echo '#include "all.h"'; echo 'int main(void) { int x = 1;'
                  for n in $(seq 1 24); do echo "x = part$n(x) % 100003;"; done
                  echo 'return printf("%d", x) < 0; }'; } > main.c
                cat > Makefile <<'END'
                parts := $(filter-out main.o,$(patsubst %.c,%.o,$(wildcard *.c)))
                program: main.o libparts.a
                \t$(CC) -o $@ main.o -L. -lparts
                libparts.a: $(sort $(parts))
                \t$(AR) rcsD $@ $^
                %.o: %.c all.h
                \t$(CC) -O1 -g -c -o $@ $<
                clean:
                \trm -f *.o *.a program
                END
                make -s -j2; ./program > first; sha256sum program libparts.a > sums
                make -s clean; ! test -e program
                make -s -j2; ./program | cmp - first; sha256sum -c --quiet sums
                make -q && echo nothing to do
                """)
            let output = try result.required().output
            #expect(output == "nothing to do\n")
        }
    }

    @Test("sqlite3 writes with WAL from several processes while others read, and its database is whole")
    func sqlite() throws {
        try survives { folder in
            let result = try folder.shell(
                """
                sqlite3 base 'PRAGMA journal_mode=WAL; CREATE TABLE t(writer INT, n INT, data BLOB);' > mode
                for writer in 1 2 3; do (
                    for n in $(seq 1 60); do
                        echo ".timeout 60000"
                        echo "BEGIN IMMEDIATE; INSERT INTO t VALUES($writer, $n, randomblob(3000)); COMMIT;"
                    done | sqlite3 base
                ) & done
                for n in $(seq 1 10); do
                    sqlite3 -cmd '.timeout 60000' base 'SELECT count(*) FROM (SELECT * FROM t ORDER BY data);' > /dev/null
                done
                wait
                cat mode
                sqlite3 base 'PRAGMA integrity_check; SELECT writer, count(*), sum(n) FROM t GROUP BY writer;'
                """)
            let output = try result.required().output
            #expect(output == "wal\nok\n1|60|1830\n2|60|1830\n3|60|1830\n")
            let again = try folder.shell("sqlite3 base 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA integrity_check;'")
            let repeated = try again.required().output
            #expect(repeated == "0|0|0\nok\n")
        }
    }

    @Test("rsync -aHAX copies hard links, attributes, times and modes")
    func rsync() throws {
        try survives { folder in
            let result = try folder.shell(
                """
                src="$HOME/src"; mkdir -p "$src/a/b"; cd "$src"
                head -c 300000 /dev/urandom > a/data; ln a/data a/b/hard; ln -s ../nowhere a/b/soft; mkfifo a/pipe
                printf '' > empty; truncate -s 5000000 sparse; printf x >> sparse
                setfattr -n user.colour -v blue a/data; setfattr -n user.blob -v 0x00ff00 a
                chmod 2750 a; chmod 444 a/data; touch -d '1999-12-31 23:59:59.123456789' a/data a
                setfacl -m u:daemon:r-- empty
                rsync -aHAX --sparse "$src/" "$OLDPWD/copy/"; cd "$OLDPWD"
                rsync -aHAXn --checksum --itemize-changes --delete "$src/" copy/ | grep -v '^\\.d\\.\\.t' || :
                stat -c %h copy/a/data
                getfattr --only-values -n user.colour copy/a/b/hard; echo
                getfacl -cp copy/empty | grep daemon
                """)
            let output = try result.required().output
            #expect(output == "2\nblue\nuser:daemon:r--\n")
        }
    }

    @Test("vim saves a file it edited, with backup and swap file beside it")
    func vim() throws {
        try survives { folder in
            let result = try folder.shell(
                """
                seq 1 5000 > text
                vim -es -u NONE -N -c 'set backup swapfile' -c '%s/^\\(.*\\)7$/<\\1>/' -c 'wq' text
                sed 's/^\\(.*\\)7$/<\\1>/' text~ | cmp - text
                ls -A
                """)
            let output = try result.required().output
            #expect(output == "text\ntext~\n")
        }
    }

    @Test("tar unpacks 20,000 source files, and the next mount finds them all")
    func tar() throws {
        let folder = try MountedFolder()
        try folder.shell(SourceTree.script, String(SourceTree.fileCount)).required()
        try folder.shell("tar xf \"$HOME/tree.tar\"").required()
        try folder.remount()
        let result = try folder.shell(
            """
            (cd "$HOME/tree" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) > "$HOME/sums"
            sha256sum -c --quiet "$HOME/sums"
            find . -type f | wc -l
            """)
        let output = try result.required().output
        #expect(output == "\(SourceTree.fileCount)\n")
        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.status == 0, "\(check.output)\(check.error)")
    }

    @Test("LibreOffice saves and converts documents", .enabled(if: TestRun.isLong))
    func libreOffice() throws {
        try survives { folder in
            let result = try folder.shell(
                """
                printf 'a,b\\n1,2\\n3,4\\n' > table.csv
                office() { HOME="$HOME" soffice --headless --norestore -env:UserInstallation=file://"$HOME/office" "$@" > /dev/null; }
                office --convert-to ods table.csv; office --convert-to xlsx table.ods; office --convert-to pdf table.ods
                mkdir back; office --convert-to csv --outdir back table.xlsx
                cmp table.csv back/table.csv
                unzip -tq table.ods > /dev/null; unzip -tq table.xlsx > /dev/null; head -c 5 table.pdf
                """)
            let output = try result.required().output
            #expect(output == "%PDF-")
        }
    }
}

/// A tree as version control and compilers see them: many small files in many directories, the same on every machine.
private enum SourceTree {
    static let fileCount = 20_000

    /// Makes `$HOME/tree` with `$1` files, and `$HOME/tree.tar` of it.
    static let script = """
        python3 - "$HOME/tree" "$1" <<'END'
        import os, random, sys
        random = random.Random(7)
        words = [("%06x" % random.getrandbits(24)) for _ in range(4000)]
        for number in range(int(sys.argv[2])):
            directory = "%s/module%02d/part%d" % (sys.argv[1], number // 500, number // 50 % 10)
            os.makedirs(directory, exist_ok=True)
            with open("%s/source%05d.c" % (directory, number), "w") as file:
                for _ in range(1 + int(random.expovariate(1 / 12))):
                    file.write(" ".join(random.choices(words, k=9)) + ";\\n")
        END
        tar cf "$HOME/tree.tar" -C "$HOME/tree" .
        """
}
