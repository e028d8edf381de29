import { startCluster } from './galera.ts';
import { testCluster } from './suite.ts';

testCluster('Galera', startCluster);
