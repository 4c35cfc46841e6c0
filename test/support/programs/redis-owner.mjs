// A process that owns an embedded Redis, to be killed by a test. It prints one JSON line.
import { startEmbeddedRedis } from '../../../src/redis/embedded.ts';

const [dataDir, server] = process.argv.slice(2);
const redis = await startEmbeddedRedis({ dataDir, server: JSON.parse(server) });
process.stdout.write(`${JSON.stringify({ pid: redis.pid, socketPath: redis.socketPath })}\n`);
process.on('SIGTERM', () => void redis.stop().then(() => process.exit(0)));
