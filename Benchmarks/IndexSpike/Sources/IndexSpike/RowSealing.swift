internal import CLibcrypto

/// What sealing each row by itself would add: AES-256-GCM over the row with a fresh nonce, a keyed hash of the name in
/// place of the name in the index, and a hash of the row for the set hash that notices rows left out (one for the new
/// row; an update needs a second one for the old).
struct RowSealing {
    private let context = EVP_CIPHER_CTX_new()
    private let digest = EVP_MD_CTX_new()
    private let cipher = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
    private let sha = EVP_MD_fetch(nil, "SHA256", nil)

    init() {
        let key = [UInt8](repeating: 7, count: 32)
        precondition(EVP_EncryptInit_ex2(context, cipher, key, nil, nil) == 1)
    }

    /// Seals a row and hashes it for the set.
    func seal(_ row: UnsafeRawBufferPointer, into sealed: UnsafeMutableRawBufferPointer) {
        sealOnly(row, into: sealed)
        hash(UnsafeRawBufferPointer(sealed), into: sealed)
    }

    func sealOnly(_ row: UnsafeRawBufferPointer, into sealed: UnsafeMutableRawBufferPointer) {
        var nonce = (UInt64.random(in: 0...UInt64.max), UInt32.random(in: 0...UInt32.max))
        var count: Int32 = 0
        withUnsafeBytes(of: &nonce) { bytes in
            _ = EVP_EncryptInit_ex2(context, nil, nil, bytes.bindMemory(to: UInt8.self).baseAddress, nil)
        }
        let input = row.bindMemory(to: UInt8.self).baseAddress
        let output = sealed.bindMemory(to: UInt8.self).baseAddress!
        _ = EVP_EncryptUpdate(context, nil, &count, input, 16)
        _ = EVP_EncryptUpdate(context, output, &count, input, Int32(row.count))
        _ = EVP_EncryptFinal_ex(context, output + Int(count), &count)
        _ = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, output + row.count)
    }

    func hash(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) {
        _ = EVP_DigestInit_ex2(digest, sha, nil)
        _ = EVP_DigestUpdate(digest, bytes.baseAddress, bytes.count)
        _ = EVP_DigestFinal_ex(digest, output.bindMemory(to: UInt8.self).baseAddress, nil)
    }
}
