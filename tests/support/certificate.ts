// Self-signed certificates for tests, written in DER by hand (RFC 5280): Node signs but issues none, and a test machine may have no OpenSSL.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const OID = { commonName: '0603550403', ecdsaWithSha256: '06082a8648ce3d040302', subjectAltName: '0603551d11', basicConstraints: '0603551d13' };

/** Tag, length, content. */
function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}
const sequence = (...content: Buffer[]): Buffer => der(0x30, ...content);
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
/** UTCTime, to the second. */
const utcTime = (date: Date): Buffer => der(0x17, Buffer.from(`${date.toISOString().replace(/[-T:]|\.\d+/g, '').slice(2, 14)}Z`));

/**
 * A P-256 key and its own certificate for `localhost` and 127.0.0.1, as PEM.
 * @param days from now until it ends; negative: it has
 */
export function selfSigned(days = 2): { cert: string; key: string; fingerprint: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(hex(OID.ecdsaWithSha256));
  const name = sequence(der(0x31, sequence(hex(OID.commonName), der(0x0c, Buffer.from('ratchet test')))));
  const at = (day: number) => utcTime(new Date(Date.now() + day * 86_400_000));
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = sequence(sequence(hex(OID.subjectAltName), der(0x04, names)), sequence(hex(OID.basicConstraints), der(0x01, hex('ff')), der(0x04, sequence(der(0x01, hex('ff'))))));
  const serial = der(0x02, Buffer.concat([hex('01'), randomBytes(8)]));
  const body = sequence(der(0xa0, der(0x02, hex('02'))), serial, algorithm, name, sequence(at(-30), at(days)), name, publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, extensions));
  const certificate = sequence(body, algorithm, der(0x03, hex('00'), sign('sha256', body, privateKey)));
  const cert = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
  return { cert, key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), fingerprint: createHash('sha256').update(certificate).digest('hex') };
}
