// A value in the form that another program reads: `dotdog get KEY --as FORM`. Pure.
import { nearestName } from '../../core/shared/validate.js'
import type { Credential } from './credential.js'
import { gitForm } from './git.js'
import { awsForm, kubernetesForm } from './json-forms.js'
import { envForm, headerForm, netrcForm } from './lines.js'

export type { Credential } from './credential.js'

const FORMS: Readonly<Record<string, (credential: Credential) => string>> = {
  header: headerForm,
  env: envForm,
  netrc: netrcForm,
  aws: awsForm,
  k8s: kubernetesForm,
  git: gitForm,
}

export const CREDENTIAL_FORMS: readonly string[] = Object.keys(FORMS)

/** Whether the consumer of a form writes a request to standard input, for `Credential.request`. */
export const hasRequest = (form: string): boolean => form === 'git'

/**
 * A credential as its consumer's documentation has it, with the line break at its end.
 *
 * @throws TypeError for a form that does not exist, and for a missing or wrong option.
 * @throws Error for a value that the form cannot carry. No message shows the value.
 */
export function formatCredential(form: string, credential: Credential): string {
  const format = Object.hasOwn(FORMS, form) ? FORMS[form] : undefined
  if (format !== undefined) return format(credential)
  const nearest = nearestName(form, CREDENTIAL_FORMS)
  const hint = nearest === undefined ? `there are ${CREDENTIAL_FORMS.join(', ')}` : `did you mean "${nearest}"?`
  throw new TypeError(`There is no such form; ${hint}`)
}
