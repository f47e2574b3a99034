// Which addresses a webhook may lead to: those that anybody on the internet could reach, and no other.
import { BlockList, isIP } from 'node:net';

/** IANA's special-purpose registries (RFC 6890 and its updates), and IPv6 forms that carry an IPv4 address which would pass unseen. */
const RESERVED_V4 = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'];
/** Of IPv6, only 2000::/3 is in use as public; within it these are not. */
const PUBLIC_V6 = '2000::/3';
const RESERVED_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

function listOf(subnets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', bits] = subnet.split('/');
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

const reservedV4 = listOf(RESERVED_V4, 'ipv4');
const publicV6 = listOf([PUBLIC_V6], 'ipv6');
const reservedV6 = listOf(RESERVED_V6, 'ipv6');

/** @param address as a resolver gives it; anything that is no address is not public */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !reservedV4.check(address, 'ipv4');
    case 6:
      return publicV6.check(address, 'ipv6') && !reservedV6.check(address, 'ipv6');
    default:
      return false;
  }
}
