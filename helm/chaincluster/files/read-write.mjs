// Run by `helm test` inside the image: writes a key and reads it back, through the Service that applications use.
import { connect } from '/app/client/index.ts';

const [endpoint] = process.argv.slice(1);
const deadline = Date.now() + 180_000;
const written = `written at ${new Date().toISOString()}`;

async function writeAndRead() {
  const client = await connect({ endpoints: [endpoint], connectMs: 5000 });
  try {
    await client.put('helm-test', written);
    return (await client.get('helm-test')).text();
  } finally {
    client.close();
  }
}

for (;;) {
  try {
    const read = await writeAndRead();
    if (read !== written) throw Object.assign(new Error(`wrote "${written}" but read "${read}"`), { wrong: true });
    console.log(`${endpoint}: wrote a key and read it back`);
    process.exit(0);
  } catch (error) {
    if (error.wrong || Date.now() > deadline) {
      console.error(`${endpoint}: ${error.message}`);
      process.exit(1);
    }
    console.log(`${endpoint} does not serve yet: ${error.message}`);
    await new Promise((resume) => setTimeout(resume, 2000));
  }
}
