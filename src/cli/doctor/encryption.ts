import { type Check, type Finding, list, ok, words } from './finding.js'

/** Whether the records can be opened, and whether all of them are sealed. */
export const encryption: Check = {
  name: 'encryption',
  needs: ['configuration', 'keys'],
  find({ configuration, keys, folder }) {
    const locked = keys!.filter(({ failure }) => failure?.code === 'ERR_DOG_DECRYPT').map(({ key }) => key)
    const findings: Finding[] = []
    if (locked.length > 0) {
      findings.push({
        level: 'serious',
        what: words(`cannot be decrypted: ${list(locked)}`, `无法解密：${list(locked)}`),
        why: configuration!.isEncrypted
          ? words('The encryptionKey is not the one that wrote them.', 'encryptionKey 不是写入它们的密钥。')
          : words(
              'They are encrypted, and the configuration has no encryptionKey.',
              '它们已加密，而配置中没有 encryptionKey。',
            ),
        mend: words(
          'Put the key that wrote them into the list of encryptionKey: the first writes, all read.',
          '请将写入它们的密钥加入 encryptionKey 列表：第一个用于写入，全部用于读取。',
        ),
        details: { keys: locked },
      })
    }
    const plain = configuration!.isEncrypted ? (folder?.records ?? []).filter(({ isSealed }) => !isSealed) : []
    if (plain.length > 0) {
      const names = plain.map(({ name }) => name)
      findings.push({
        level: 'note',
        what: words(`not encrypted yet: ${list(names)}`, `尚未加密：${list(names)}`),
        why: words('They were written before, or by a program without the key.', '它们写于此前，或由没有密钥的程序写入。'),
        mend: words(
          'dotdog refresh KEY replaces one; give every program the key.',
          '可用 dotdog refresh KEY 替换；请为所有程序配置密钥。',
        ),
        details: { records: names },
      })
    }
    if (findings.length > 0) return findings
    return [
      configuration!.isEncrypted
        ? ok('values are encrypted', '值已加密')
        : ok('not used: modes protect the values', '未使用：由权限保护'),
    ]
  },
}
