// What the errcodes of business calls mean that people meet daily: in English, and in Chinese. They
// concern one request, and the same request would get the same answer, so that none of them says
// when to ask again.
import type { ErrorFact } from './error-table.js'

const refused = (hint: string, hintZh: string): ErrorFact => ({ kind: 'permanent', hint, hintZh })

const WRONG_MEDIA_TYPE = refused(
  'The file type is not allowed here: give the file a name with the right extension, and the right type.',
  '文件类型不被允许：请为文件提供正确的扩展名和类型。',
)

const MEDIA_TOO_LARGE = refused(
  'The file is too large: see the limits in the documentation of the path.',
  '文件过大：请查看该接口文档中的大小限制。',
)

const OUTSIDE_REPLY_WINDOW = refused(
  'The user wrote more than 48 hours ago, or does not follow the account: only a template or subscription message may be sent.',
  '用户超过 48 小时未互动或已取消关注：只能发送模板消息或订阅消息。',
)

const TOO_LONG = refused(
  'A text of the request is too long: shorten it to the limit in the documentation of the path.',
  '请求中的文字过长：请缩短到该接口文档规定的长度。',
)

const COMPONENT_NOT_AUTHORISED = refused(
  'The account has not authorised this third-party platform, or not for this path: let it authorise again.',
  '该账号未授权给此第三方平台，或未授权此接口：请重新授权。',
)

export const CALL_ERROR_FACTS: Readonly<Record<number, ErrorFact>> = {
  40003: refused(
    'The openid does not belong to this account, or the user does not follow it.',
    'openid 不属于该账号，或用户未关注。',
  ),
  40004: WRONG_MEDIA_TYPE,
  40005: WRONG_MEDIA_TYPE,
  40006: MEDIA_TOO_LARGE,
  40007: refused(
    'The media_id is unknown or has expired: temporary media live for three days. Upload the file again.',
    'media_id 无效或已过期（临时素材只保留三天）：请重新上传。',
  ),
  40008: refused('The message type is wrong: check msgtype.', '消息类型不正确：请检查 msgtype。'),
  40009: MEDIA_TOO_LARGE,
  40029: refused(
    'The login code is wrong or has expired: it lives for five minutes. Let the user log in again for a new one.',
    'code 无效或已过期（有效期五分钟）：请让用户重新登录以获取新的 code。',
  ),
  40037: refused(
    'The template_id does not belong to this account: copy it again from the console.',
    'template_id 不属于该账号：请在后台重新复制。',
  ),
  40054: refused('The domain of a menu URL is not allowed.', '菜单按钮的 URL 域名不被允许。'),
  40055: refused('The domain of a menu URL is not allowed.', '菜单按钮的 URL 域名不被允许。'),
  40163: refused(
    'The login code was used before: each code works once. Let the user log in again for a new one.',
    'code 已被使用（每个 code 只能使用一次）：请让用户重新登录以获取新的 code。',
  ),
  40226: refused('The platform has blocked this user for its risk.', '高风险用户：微信已拦截该用户的登录。'),
  41005: refused(
    'The request carried no file: send a FormData whose field media has a file name.',
    '请求缺少文件：请发送 FormData，其 media 字段需带文件名。',
  ),
  41008: refused('The request carried no login code.', '请求缺少 code 参数。'),
  41009: refused('The request carried no openid.', '请求缺少 openid。'),
  41028: refused('The form_id is wrong or has expired.', 'form_id 不正确或已过期。'),
  41029: refused('The form_id was used before.', 'form_id 已被使用。'),
  41030: refused(
    'The page does not exist in the published version of the mini program: check its path.',
    'page 不正确：请检查小程序已发布版本中是否有该页面路径。',
  ),
  43004: refused('The user must follow the account first.', '需要用户先关注该账号。'),
  43019: refused('The user is on the block list of the account.', '用户在该账号的黑名单中。'),
  43101: refused(
    'The user has not allowed this subscription message, or has used up the permission: ask for it again in the mini program.',
    '用户未订阅此消息，或订阅次数已用完：请在小程序中再次请求用户订阅。',
  ),
  45001: MEDIA_TOO_LARGE,
  45002: TOO_LONG,
  45003: TOO_LONG,
  45004: TOO_LONG,
  45005: TOO_LONG,
  45008: refused('The message has too many articles: send one.', '图文消息的条数过多：只能发送一条。'),
  45015: OUTSIDE_REPLY_WINDOW,
  45028: refused('The account has no mass message left in this period.', '该账号的群发次数已用完。'),
  45047: refused(
    'Too many customer-service messages since the user last wrote: wait until the user writes again.',
    '客服消息下行条数已达上限：请等用户再次发送消息。',
  ),
  45056: refused('The account has too many tags: delete some.', '标签数量已达上限：请删除部分标签。'),
  45157: refused('A tag of this name exists.', '标签名已存在。'),
  45159: refused('The tag does not exist.', '标签不存在。'),
  46001: refused('The media do not exist.', '素材数据不存在。'),
  46003: refused('The account has no menu.', '该账号没有自定义菜单。'),
  46004: refused('The user does not exist.', '用户不存在。'),
  47003: refused(
    'A value of the template does not fit its type or length: compare data with the template in the console.',
    '模板参数不符合其类型或长度：请对照后台的模板检查 data。',
  ),
  48002: refused('The user has turned off messages of this account.', '用户已拒收该账号的消息。'),
  48005: refused('The material is in use, so it cannot be deleted.', '素材正在被使用，不能删除。'),
  49003: refused('The openid belongs to another account.', 'openid 与 appid 不匹配。'),
  50001: refused('The user has not authorised this path.', '用户未授权该接口。'),
  50005: refused('The user does not follow the account.', '用户未关注该账号。'),
  61003: COMPONENT_NOT_AUTHORISED,
  61007: COMPONENT_NOT_AUTHORISED,
  61451: refused('An argument is wrong: check the customer-service account.', '参数错误：请检查客服账号。'),
  65400: refused('The new customer-service feature is not turned on.', '尚未开通新版客服功能。'),
  85004: refused('This user is a tester already.', '该用户已是体验者。'),
  87009: refused('The signature is wrong.', '签名无效。'),
  87014: refused('The content breaks the rules of the platform.', '内容含有违法违规信息。'),
  89001: refused('A link in the content is not allowed.', '内容中的链接不被允许。'),
}
