/** A Kubernetes quantity of bytes, such as `10Gi` or `1.5T`, in thousandths of a byte, so that three decimals are exact. */
export function parseQuantity(text: string): bigint {
  const match = /^([0-9]+)(?:\.([0-9]{1,3}))?([KMGT]i|[kMGT])?$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a quantity; write one such as 10Gi`);
  const [, whole = '0', fraction = '', unit = ''] = match;
  return BigInt(whole + fraction.padEnd(3, '0')) * unitBytes(unit);
}

function unitBytes(unit: string): bigint {
  const power = BigInt(['', 'K', 'M', 'G', 'T'].indexOf(unit.charAt(0).toUpperCase()));
  return (unit.endsWith('i') ? 1024n : 1000n) ** power;
}
