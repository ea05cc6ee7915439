// The forms that are JSON: what the AWS programs and kubectl read from a program.
import { type Credential, expiryOf, lineOf, membersOf, rfc3339 } from './credential.js'

/** For `credential_process` of the AWS CLI and SDKs. The value has the members that STS gives. */
export function awsForm(credential: Credential): string {
  const members = membersOf(credential) ?? {}
  const member = (name: string) => members[name] ?? members[`${name[0]!.toLowerCase()}${name.slice(1)}`]
  const [id, secret, token] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken'].map(member)
  if (typeof id !== 'string' || typeof secret !== 'string') {
    throw new Error(`${credential.key} is no AWS credential: it has no AccessKeyId and SecretAccessKey`)
  }
  const expiry = expiryOf(credential)
  return line({
    Version: 1,
    AccessKeyId: id,
    SecretAccessKey: secret,
    ...(typeof token === 'string' && { SessionToken: token }),
    ...(expiry && { Expiration: rfc3339(expiry) }),
  })
}

const GROUP = 'client.authentication.k8s.io'

/** For `users[].user.exec` of a kubeconfig: an ExecCredential, in the version that kubectl asks for. */
export function kubernetesForm(credential: Credential): string {
  const members = membersOf(credential)
  const certificate = members?.clientCertificateData
  const clientKey = members?.clientKeyData
  const hasCertificate = typeof certificate === 'string' && typeof clientKey === 'string'
  const token = hasCertificate ? members?.token : lineOf(credential.key, credential.value)
  const expiry = expiryOf(credential)
  return line({
    apiVersion: `${GROUP}/${versionOf(credential.env)}`,
    kind: 'ExecCredential',
    status: {
      ...(expiry && { expirationTimestamp: rfc3339(expiry) }),
      ...(typeof token === 'string' && { token }),
      ...(hasCertificate && { clientCertificateData: certificate, clientKeyData: clientKey }),
    },
  })
}

/** kubectl refuses an answer in another version than it asks for. */
function versionOf({ KUBERNETES_EXEC_INFO: info }: NodeJS.ProcessEnv): string {
  try {
    const { apiVersion } = JSON.parse(info ?? '') as { apiVersion?: unknown }
    return String(apiVersion) === `${GROUP}/v1beta1` ? 'v1beta1' : 'v1'
  } catch {
    return 'v1'
  }
}

const line = (object: object): string => `${JSON.stringify(object)}\n`
